/// One value in the flat table that decoding makes: children follow their container directly.
struct BencodeToken {
  enum Kind: UInt8 {
    case integer
    case string
    case list
    case dictionary
  }

  /// The first byte of the value in the input.
  let start: UInt32
  /// One past its last byte.
  var end: UInt32 = 0
  /// The table's index of the first token that is not inside this one.
  var next: UInt32 = 0
  let kind: Kind
  /// Bytes from `start` to a string's content. At most 11: a length has at most ten digits here.
  let prefix: UInt8

  /// The content of a string.
  var content: Range<Int> { Int(start) + Int(prefix)..<Int(end) }
}
