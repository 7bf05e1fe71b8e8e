/** A column: its title, and whether its cells are numbers, which are aligned to the right. */
import { item } from "../items.ts";
export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** Rows under titles, columns as wide as their widest cell. No trailing spaces. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, c) => Math.max(title.length, ...rows.map((row) => item(row, c).length)));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ right }, c) => {
        const cell = item(cells, c);
        return right === true ? cell.padStart(item(widths, c)) : cell.padEnd(item(widths, c));
      })
      .join("  ")
      .trimEnd();
  return [
    line(columns.map(({ title }) => title)),
    line(widths.map((width) => "-".repeat(width))),
    ...rows.map(line),
  ].join("\n");
}

/** Names and values, the values in one column. */
export function list(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

/** 344064 as 344,064. */
export const count = (value: number | bigint): string => value.toString().replace(/\B(?=(\d{3})+$)/g, ",");

/** A size for people: exact below 10,000 bytes. */
export function bytes(value: number): string {
  if (value < 10_000) return `${count(value)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let [size, unit] = [value / 1000, 0];
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${size.toFixed(size < 10 ? 1 : 0)} ${item(units, unit)}`;
}

/** [1, 1, 8, 8] as 1x1x8x8; a scalar has no sizes. */
export const dims = (shape: readonly number[]): string => (shape.length === 0 ? "scalar" : shape.join("x"));

/** Bits of an element as hex of its width. */
export const hex = (bits: bigint): string => `0x${bits.toString(16)}`;
