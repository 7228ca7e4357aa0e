/// ` (did you mean 'x'?)` for the known word nearest to `word`, or nothing if none is near.
func suggestion(for word: String, among known: [String]) -> String {
  guard word.count > 2 else { return "" }
  let limit = max(1, word.count / 3)
  let near = known.map { (word: $0, distance: editDistance(word, $0)) }.filter { $0.distance <= limit }
  guard let best = near.min(by: { $0.distance < $1.distance }) else { return "" }
  return " (did you mean '\(best.word)'?)"
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
/// O(n·m) time, O(m) memory.
func editDistance(_ one: String, _ other: String) -> Int {
  let one = Array(one)
  let other = Array(other)
  var before: [Int] = []
  var previous = Array(0...other.count)
  for (row, character) in one.enumerated() {
    var current = [row + 1]
    for (column, candidate) in other.enumerated() {
      let replaced = previous[column] + (character == candidate ? 0 : 1)
      var cost = min(replaced, previous[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, character == other[column - 1], one[row - 1] == candidate {
        cost = min(cost, before[column - 1] + 1)
      }
      current.append(cost)
    }
    before = previous
    previous = current
  }
  return previous[other.count]
}
