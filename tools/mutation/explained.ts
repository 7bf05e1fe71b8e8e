/**
 * Why no test can notice a mutant that survived: what docs/assurance.md says beside it. The key is its description without
 * the line's number.
 */
export const EXPLAINED: Readonly<Record<string, string>> = {};
