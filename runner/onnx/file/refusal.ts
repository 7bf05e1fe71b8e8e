import { AssayError, type AssayErrorCode, isAssayError, type OnnxErrorDetails } from "../../errors.ts";

/** The codes that the importer raises. */
export type ImportErrorCode = Extract<AssayErrorCode, `ONNX_${string}`>;

/** An import failure: what is wrong, where (node, operator, attribute, tensor) and what to do about it. */
export const importError = (
  code: ImportErrorCode,
  reason: string,
  place: OnnxErrorDetails = {},
  options?: ErrorOptions,
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
  return new AssayError<ImportErrorCode>(code, `${reason}${where}${remedy}`, { ...place }, options);
};

/** What `verify` says of a kernel, as an import failure of the node that it is for; other errors as they are. */
export const kernelRefused = (error: unknown, place: OnnxErrorDetails = {}): unknown =>
  isAssayError(error, "KERNEL_INVALID")
    ? importError(
        "ONNX_UNSUPPORTED",
        `the machine takes no such kernel: ${error.details.field} ${error.details.reason}`,
        place,
      )
    : error;

/** What only a node that breaks a rule of its operator can bring about, as an import failure of that node. */
export const nodeBroken = (error: unknown, place: OnnxErrorDetails): unknown => {
  if (isAssayError(error) || !(error instanceof TypeError || error instanceof RangeError)) return error;
  return importError("ONNX_INVALID", `the node breaks a rule of its operator: ${error.message}`, place, {
    cause: error,
  });
};
