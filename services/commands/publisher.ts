import { callOf, type Command } from "./command.ts";
import { text, versionId } from "./parameters.ts";

const group = "Publisher:";
const parameters = { version: versionId("id of the version"), reason: text("why, for those who use it") };

export const PUBLISHER_COMMANDS: readonly Command[] = [
  callOf(
    { name: "deprecate", group, about: "flags a version as superseded; it still answers", parameters },
    ({ context: { suite } }, { version, reason }) => suite.registry.deprecate.populateTransaction(version, reason),
  ),
  callOf(
    { name: "withdraw-version", group, about: "takes a version back: no new requests; open ones run on", parameters },
    ({ context: { suite } }, { version, reason }) => suite.registry.withdraw.populateTransaction(version, reason),
    () => Promise.resolve(["a version that is withdrawn never comes back"]),
  ),
];
