/** A Markdown table; cells are plain text. */
export const table = (
  head: readonly string[],
  align: readonly ("left" | "right")[],
  rows: readonly (readonly string[])[],
): string =>
  [head, align.map((side) => (side === "left" ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
