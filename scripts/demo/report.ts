import type { Tale } from "./play.ts";
export const renderReport = (tale: Tale): string => tale.books.supply;
