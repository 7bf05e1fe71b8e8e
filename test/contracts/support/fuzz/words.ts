import { getAddress } from "ethers";

/*
 * Answers of views as words. ethers' decoder takes longer than everything else in a step of a walk.
 */

const addresses = new Map<string, string>();

/** The address in a word, written as ethers writes it. */
export function addressIn(word: string): string {
  const known = addresses.get(word);
  if (known !== undefined) return known;
  const address = getAddress(`0x${word.slice(24)}`);
  addresses.set(word, address);
  return address;
}

/** A number, an address or a hash as a word of 64 hexadecimal digits. */
export const wordOf = (value: bigint | number | string): string =>
  typeof value === "string"
    ? value.slice(2).toLowerCase().padStart(64, "0")
    : BigInt(value).toString(16).padStart(64, "0");

/** What a view returned. */
export class Words {
  /** Without 0x. */
  readonly hex: string;
  readonly reverted: boolean;

  constructor(hex: string, reverted: boolean) {
    this.hex = hex;
    this.reverted = reverted;
  }

  word(index: number): string {
    return this.hex.slice(64 * index, 64 * index + 64);
  }

  big(index: number): bigint {
    return BigInt(`0x${this.word(index)}`);
  }

  number(index: number): number {
    return Number.parseInt(this.word(index), 16);
  }

  address(index: number): string {
    return addressIn(this.word(index));
  }

  hash(index: number): string {
    return `0x${this.word(index)}`;
  }
}

/** A call of a view: its target and its data. */
export interface Read {
  readonly to: string;
  readonly data: string;
}

/** The calldata of contracts/mocks/BatchReader.sol. */
export const batchOf = (reads: readonly Read[]): string =>
  `0x${reads
    .map(({ to, data }) => to.slice(2) + ((data.length - 2) / 2).toString(16).padStart(4, "0") + data.slice(2))
    .join("")}`;

/** The answers of contracts/mocks/BatchReader.sol. */
export function answersIn(given: string, count: number): Words[] {
  const answers: Words[] = [];
  for (let at = 2; answers.length < count; ) {
    const reverted = given.charCodeAt(at) >= 0x38;
    const length = 2 * Number.parseInt(given.slice(at + 8, at + 64), 16);
    answers.push(new Words(given.slice(at + 64, at + 64 + length), reverted));
    at += 64 + length;
  }
  return answers;
}
