/** Text that is markup already; everything else is escaped where it is put in. */
export interface Markup {
  readonly markup: string;
}

type Insert = Markup | string | number | bigint | readonly Markup[];

/** Builds markup; what is inserted is escaped unless it is markup itself. */
export const html = (parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup => ({
  markup: parts.map((part, i) => part + (i < inserts.length ? textOf(inserts[i] ?? "") : "")).join(""),
});

/** Numbers for people: "12,345". */
export const grouped = (value: number | bigint): string => value.toLocaleString("en");

const textOf = (insert: Insert): string => {
  if (typeof insert === "object") {
    return "markup" in insert ? insert.markup : insert.map(({ markup }) => markup).join("");
  }
  return escape(String(insert));
};

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
