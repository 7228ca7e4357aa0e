// Bencode: the encoding of torrents, trackers and extension messages (BEP 3), decoded strictly over a
// flat table of tokens and encoded canonically. May import Bytes.

/// What is wrong with bencoded bytes. Every case carries the offset of the first byte at fault.
public enum BencodeError: Error, Equatable, Sendable {
  /// The input ends inside a value.
  case truncated(at: Int)
  /// A byte that cannot stand here.
  case unexpectedByte(UInt8, at: Int)
  /// A number with a zero in front, such as `i03e` or `04:spam`.
  case leadingZero(at: Int)
  /// `i-0e`.
  case negativeZero(at: Int)
  /// An integer outside 64 bits, or a string length that no memory holds.
  case overflow(at: Int)
  /// A list or dictionary deeper than the limit.
  case tooDeep(limit: Int, at: Int)
  /// More values than the limit.
  case tooManyItems(limit: Int, at: Int)
  /// A dictionary key that sorts before its predecessor.
  case unsortedKey(at: Int)
  /// A key that its dictionary has already.
  case duplicateKey(at: Int)
  /// A dictionary key that is not a string.
  case keyIsNotString(at: Int)
  /// A dictionary that ends after a key.
  case missingValue(at: Int)
  /// Bytes after the value.
  case trailingBytes(at: Int)
  /// An input of 4 GiB or more.
  case inputTooLong(at: Int)

  /// Where the fault is, counted in bytes from the start of the input.
  public var offset: Int {
    switch self {
    case .truncated(let at), .leadingZero(let at), .negativeZero(let at), .overflow(let at),
      .unsortedKey(let at), .duplicateKey(let at), .keyIsNotString(let at), .missingValue(let at),
      .trailingBytes(let at), .inputTooLong(let at):
      at
    case .unexpectedByte(_, let at), .tooDeep(_, let at), .tooManyItems(_, let at): at
    }
  }
}

extension BencodeError: CustomStringConvertible {
  /// The fault in words, with its offset.
  public var description: String {
    let fault =
      switch self {
      case .truncated: "the data ends inside a value"
      case .unexpectedByte(let byte, _): "byte \(Self.name(byte)) cannot stand here"
      case .leadingZero: "a number begins with a zero"
      case .negativeZero: "a number is negative zero"
      case .overflow: "a number does not fit in 64 bits"
      case .tooDeep(let limit, _): "more than \(limit) lists and dictionaries are nested"
      case .tooManyItems(let limit, _): "there are more than \(limit) values"
      case .unsortedKey: "a dictionary key is out of order"
      case .duplicateKey: "a dictionary key occurs twice"
      case .keyIsNotString: "a dictionary key is not a string"
      case .missingValue: "a dictionary key has no value"
      case .trailingBytes: "there are bytes after the value"
      case .inputTooLong: "the data is 4 GiB long or more"
      }
    return "\(fault) (at byte \(offset))"
  }

  private static func name(_ byte: UInt8) -> String {
    0x21...0x7e ~= byte ? "'\(Character(Unicode.Scalar(byte)))'" : "\(byte)"
  }
}
