/// First in, first out; its memory is kept. All operations O(1), amortised, but for those that say so.
struct TurnQueue<Element> {
  private var elements: [Element?] = []
  private var first = 0

  var isEmpty: Bool { first == elements.count }

  var count: Int { elements.count - first }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func removeFirst() -> Element? {
    guard first < elements.count else { return nil }
    let element = elements[first].take()
    first += 1
    if first == elements.count {
      elements.removeAll(keepingCapacity: true)
      first = 0
    } else if first >= 64, first * 2 >= elements.count {
      elements.removeFirst(first)
      first = 0
    }
    return element
  }

  /// Takes out what matches. O(count).
  mutating func removeAll(where matches: (Element) -> Bool) {
    elements.removeFirst(first)
    first = 0
    elements.removeAll { $0.map(matches) ?? true }
  }
}
