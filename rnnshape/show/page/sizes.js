// The sizes of an expression: each says what it stands for, as its letters do.
const TOKEN = /[A-Za-zσ_]+\(|\d*[A-Z]+|\d+/g;
const MEANINGS = {
  N: (size) => told("{size} is N, the sequences of the batch", { size }),
  I: (size) => told("{size} is I, the features of the input (input_size)", { size }),
  H: (size) => told("{size} is H, the hidden numbers (hidden_size)", { size }),
  K: (size) => told("{size} is K, what the head puts out", { size }),
};

function meaning(size, letters) {
  if (letters in MEANINGS) return MEANINGS[letters](size);
  const [, count, letter] = /^(\d+)([A-Z])$/.exec(letters) ?? [];
  if (!letter) return "";
  const fields = { size, count, letter };
  return count === "2" ? told("{size} is {count}·{letter}: both directions side by side", fields)
    : told("{size} is {count}·{letter}: one part for each gate", fields);
}

// The pieces of an expression as nodes; a number whose letter is known is marked with it.
function sized(pieces, letters, piece) {
  const numbers = pieces.flatMap(([words]) => words.match(TOKEN) ?? []);
  const named = letters?.match(TOKEN) ?? [];
  if (numbers.length !== named.length) return pieces.map(([words, kind]) => piece(words, kind));
  let at = 0;
  return pieces.map(([words, kind]) => {
    const parts = [];
    let end = 0;
    for (const found of words.matchAll(TOKEN)) {
      const said = meaning(found[0], named[at++]);
      if (!said) continue;
      const number = made("span", { class: "size", title: said }, found[0]);
      number.onpointerenter = () => say(said);
      number.onpointerleave = () => say("");
      parts.push(words.slice(end, found.index), number);
      end = found.index + found[0].length;
    }
    return made("span", kind ? { class: kind } : {}, ...parts, words.slice(end));
  });
}
