/** A grey-scale picture for the terminal: two characters a pixel, values from 0 (blank) to 1 (ink). */
export function drawPicture(pixels: ArrayLike<number>, width: number): string {
  const shades = " ░▒▓█";
  const rows: string[] = [];
  for (let at = 0; at < pixels.length; at += width) {
    const row = Array.from({ length: width }, (_, i) => {
      const shade = shades[Math.min(shades.length - 1, Math.floor((pixels[at + i] ?? 0) * shades.length))] ?? " ";
      return shade + shade;
    });
    rows.push(`    │${row.join("")}│`);
  }
  const edge = "──".repeat(width);
  return [`    ┌${edge}┐`, ...rows, `    └${edge}┘`].join("\n");
}
