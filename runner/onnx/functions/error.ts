import { arithmetic, copySign, type Unary } from "./arithmetic.ts";
import { LN2_HIGH, LN2_LOW, LOG2_E, ROUND } from "./exponential.ts";

export const erf: Unary = (s, x) => {
  const { f, add, sub, mul, lt, select, horner } = arithmetic(s);
  const a = s.op("fmin", f(3.925), s.op("fabs", x));
  const a2 = mul(a, a);
  const small = add(
    mul(horner(a2, -5.99104969e-4, 4.99339588e-3, -2.67667342e-2, 1.12818025e-1, -3.76124859e-1, 1.28379151e-1), a),
    a,
  );
  const big = add(
    mul(
      horner(
        a,
        1.7294893e-5,
        -3.8320868e-4,
        3.88393435e-3,
        -2.42545605e-2,
        1.06777847e-1,
        6.34846687e-1,
        1.28717512e-1,
      ),
      a,
    ),
    a,
  );
  const t = s.op("fmax", f(-88.3762626647949), s.op("fneg", big));
  const biased = add(mul(f(LOG2_E), t), f(ROUND));
  const m = sub(biased, f(ROUND));
  const r = add(mul(m, f(LN2_LOW)), add(mul(m, f(LN2_HIGH)), t));
  const e = horner(r, 1.38319808e-3, 8.37550033e-3, 4.16689515e-2, 1.66664466e-1, 4.99999851e-1, 1, 1);
  const scale = s.op("bitsf", s.op("ishl", s.op("iadd", s.op("f2i", m), s.i(127)), s.i(23)));
  const large = sub(f(1), mul(e, scale));
  const magnitude = select(lt(f(0.921875), a), large, small);
  return copySign(s, magnitude, x);
};
