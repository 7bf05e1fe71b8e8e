import type { Tale } from "./play.ts";
export const renderReport = (tale: Tale): string => String(tale.books.supply);
