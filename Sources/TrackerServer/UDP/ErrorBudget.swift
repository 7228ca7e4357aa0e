import Addresses

/// Holds back errors to those whose address is not known to be theirs: so many a second for an address, or for the
/// few that share its cell. Clients that need one get one; a flood is not worth an answer.
struct ErrorBudget {
  /// Errors a second.
  static let rate: UInt32 = 16
  private static let cells = 4096

  /// For each cell the second and how many there were in it.
  private var spent: [(second: UInt32, count: UInt32)]
  private let key: TableKey

  init(seed: UInt64) {
    key = TableKey(seed: seed)
    spent = Array(repeating: (0, 0), count: Self.cells)
  }

  /// Whether one more may go to `address`; counts it.
  mutating func allows(_ address: IPAddress, at second: UInt32) -> Bool {
    let words = address.words
    let cell = Int(key.hash(words.high, words.low, 0) & UInt64(Self.cells - 1))
    if spent[cell].second != second { spent[cell] = (second, 0) }
    guard spent[cell].count < Self.rate else { return false }
    spent[cell].count += 1
    return true
  }
}
