import type { Picture } from "./scenario.ts";

/** What is asked, for the terminal. */
export const drawPicture = (picture: Picture): readonly string[] =>
  picture.kind === "pixels" ? drawPixels(picture.values, picture.width) : drawText(picture.text);

/** A grey-scale picture: two characters a pixel, values from 0 (blank) to 1 (ink). */
function drawPixels(pixels: readonly number[], width: number): readonly string[] {
  const shades = " ░▒▓█";
  const rows: string[] = [];
  for (let at = 0; at < pixels.length; at += width) {
    const row = pixels.slice(at, at + width).map((pixel) => {
      const shade = shades[Math.min(shades.length - 1, Math.floor(pixel * shades.length))] ?? " ";
      return shade + shade;
    });
    rows.push(`│${row.join("")}│`);
  }
  return framed(rows, 2 * width);
}

const drawText = (text: string): readonly string[] => framed([`│ ${text}▁ │`], text.length + 3);

const framed = (rows: readonly string[], width: number): readonly string[] =>
  [`┌${"─".repeat(width)}┐`, ...rows, `└${"─".repeat(width)}┘`].map((row) => `    ${row}`);
