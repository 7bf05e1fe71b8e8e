import { AssayError, type AssayErrorCode, type OnnxErrorDetails } from "../errors.ts";

/** The codes that the importer raises. */
export type ImportErrorCode = Extract<AssayErrorCode, `ONNX_${string}`>;

/** An import failure: what is wrong, where (node, operator, attribute, tensor) and what to do about it. */
export const importError = (
  code: ImportErrorCode,
  reason: string,
  place: OnnxErrorDetails = {},
): AssayError<ImportErrorCode> => {
  const operator = place.opType === undefined ? "" : `${place.domain ? `${place.domain}.` : ""}${place.opType}`;
  const at = [
    operator && `operator ${operator}`,
    place.node && `node "${place.node}"`,
    place.attribute && `attribute "${place.attribute}"`,
    place.tensor && `tensor "${place.tensor}"`,
  ].filter((part) => part !== undefined && part !== "");
  const where = at.length > 0 ? ` (${at.join(", ")})` : "";
  const remedy = place.remedy === undefined ? "" : `; ${place.remedy}`;
  return new AssayError<ImportErrorCode>(code, `${reason}${where}${remedy}`, { ...place });
};
