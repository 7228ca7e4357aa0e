/// How strictly to decode, and how much.
public struct BencodeOptions: Sendable {
  /// Lists and dictionaries that may be open at once.
  public var maximumDepth: Int
  /// Values that there may be in all, keys included. Each costs 16 bytes while decoded.
  public var maximumItems: Int
  /// Whether the keys of a dictionary may stand in any order; they must be unique all the same.
  public var allowsUnsortedKeys: Bool
  /// Whether bytes may follow the value.
  public var allowsTrailingBytes: Bool

  /// Options; the defaults are those of BEP 3 with a depth of 64 and 16 million values.
  public init(
    maximumDepth: Int = 64, maximumItems: Int = 1 << 24, allowsUnsortedKeys: Bool = false,
    allowsTrailingBytes: Bool = false
  ) {
    self.maximumDepth = maximumDepth
    self.maximumItems = maximumItems
    self.allowsUnsortedKeys = allowsUnsortedKeys
    self.allowsTrailingBytes = allowsTrailingBytes
  }

  /// What BEP 3 says: sorted unique keys, nothing after the value.
  public static let strict = BencodeOptions()
  /// Takes keys in any order, as real trackers and clients send them.
  public static let lenient = BencodeOptions(allowsUnsortedKeys: true)
  /// Takes keys in any order and leaves what follows the value to the caller, as the messages of
  /// BEP 9 need.
  public static let message = BencodeOptions(
    maximumDepth: 16, maximumItems: 1 << 16, allowsUnsortedKeys: true, allowsTrailingBytes: true)
}
