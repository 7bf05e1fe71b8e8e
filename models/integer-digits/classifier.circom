// SPDX-License-Identifier: MIT
pragma circom 2.1.9;

// A classifier of whole numbers with one hidden layer: scores = weights2 · max(0, weights1 · image + biases1) + biases2.
// The model of this folder computes the same, to the bit. Every signal that a prover chooses is bound to the public ones.

// The bits of a number below 2^n, lowest first. Exactly one choice of bits satisfies it, as 2^n is below the field's order.
template Bits(n) {
    signal input in;
    signal output out[n];
    var sum = 0;
    for (var i = 0; i < n; i++) {
        out[i] <-- (in >> i) & 1;
        out[i] * (out[i] - 1) === 0;
        sum += out[i] * (1 << i);
    }
    sum === in;
}

// max(0, in) of a number in [-2^(n - 1), 2^(n - 1)). The highest bit of in + 2^(n - 1) says that it is not negative.
template Relu(n) {
    signal input in;
    signal output out;
    component bits = Bits(n);
    bits.in <== in + (1 << (n - 1));
    out <== bits.out[n - 1] * in;
}

// Public inputs: `context` (bound to the proof, otherwise free), then `data`: the scores as little-endian int32 and the
// image as uint8, 31 bytes an element, each element the big-endian number of its bytes.
// `width`: bits of which one more holds the sign of each hidden sum, whatever the image. No score leaves 32 bits.
template Classifier(pixels, hidden, classes, width, weights1, biases1, weights2, biases2) {
    var total = 4 * classes + pixels;
    var elements = (total + 30) \ 31;
    signal input context;
    signal input data[elements];

    // A public input that no constraint sees could be exchanged in a proof.
    signal square;
    square <== context * context;

    // The bits of byte k, lowest first, are bits[8 k] to bits[8 k + 7].
    component split[elements];
    signal bits[8 * total];
    for (var e = 0; e < elements; e++) {
        var size = e < elements - 1 ? 31 : total - 31 * (elements - 1);
        split[e] = Bits(8 * size);
        split[e].in <== data[e];
        for (var k = 0; k < size; k++) {
            for (var b = 0; b < 8; b++) bits[8 * (31 * e + k) + b] <== split[e].out[8 * (size - 1 - k) + b];
        }
    }

    signal image[pixels];
    for (var i = 0; i < pixels; i++) {
        var value = 0;
        for (var b = 0; b < 8; b++) value += (1 << b) * bits[8 * (4 * classes + i) + b];
        image[i] <== value;
    }

    component activations[hidden];
    for (var j = 0; j < hidden; j++) {
        var sum = biases1[j];
        for (var i = 0; i < pixels; i++) sum += weights1[i][j] * image[i];
        activations[j] = Relu(width + 1);
        activations[j].in <== sum;
    }

    // Two's complement: the highest bit counts negatively. Both sides are in [-2^31, 2^31), so equality in the field is
    // equality.
    for (var j = 0; j < classes; j++) {
        var sum = biases2[j];
        for (var i = 0; i < hidden; i++) sum += weights2[i][j] * activations[i].out;
        var score = 0;
        for (var b = 0; b < 32; b++) score += (b < 31 ? 1 << b : -(1 << 31)) * bits[32 * j + b];
        sum === score;
    }
}
