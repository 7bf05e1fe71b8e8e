#!/usr/bin/env node
import { launch } from "./launch.mjs";

await launch("assay-node", "services/node/main");
