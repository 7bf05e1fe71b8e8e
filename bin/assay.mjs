#!/usr/bin/env node
import { launch } from "./launch.mjs";

await launch("assay", "runner/cli/main");
