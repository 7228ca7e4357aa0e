/// The hash requests that are not settled, in no order that matters; a cursor goes round them so that each
/// gets its turn.
struct HashQueue: Sendable {
  struct Item: Sendable {
    let request: HashRequest
    /// One of the files whose tree it is about.
    let file: Int
    /// The pieces of the file that it is about.
    let pieces: Range<Int>
    var isLeaves = false
    var isInFlight = false
  }

  private var items: [Item] = []
  private var positions: [HashRequest: Int] = [:]
  private var cursor = 0
  private let longestSearch = 1024

  var isEmpty: Bool { items.isEmpty }

  subscript(request: HashRequest) -> Item? { positions[request].map { items[$0] } }

  /// Adds a request that is not here yet. O(1).
  mutating func insert(_ item: Item) {
    guard positions[item.request] == nil else { return }
    positions[item.request] = items.count
    items.append(item)
  }

  /// Takes a settled request out. O(1).
  @discardableResult
  mutating func remove(_ request: HashRequest) -> Item? {
    guard let position = positions.removeValue(forKey: request) else { return nil }
    let item = items[position]
    let last = items.removeLast()
    if position < items.count {
      items[position] = last
      positions[last.request] = position
    }
    return item
  }

  /// Marks the next request that is not in flight and fits as being in flight.
  mutating func take(where isAskable: (Item) -> Bool) -> HashRequest? {
    for _ in 0..<min(items.count, longestSearch) {
      if cursor >= items.count { cursor = 0 }
      let position = cursor
      cursor += 1
      if !items[position].isInFlight, isAskable(items[position]) {
        items[position].isInFlight = true
        return items[position].request
      }
    }
    return nil
  }

  /// Marks a request, if it is here, as no longer in flight.
  mutating func reopen(_ request: HashRequest) {
    if let position = positions[request] { items[position].isInFlight = false }
  }
}
