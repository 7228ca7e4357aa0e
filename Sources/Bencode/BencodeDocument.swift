import Bytes

/// Bencoded bytes, decoded once into a flat table; values are views on it.
public struct BencodeDocument: Sendable {
  final class Storage: Sendable {
    let bytes: [UInt8]
    let tokens: [BencodeToken]
    init(bytes: [UInt8], tokens: [BencodeToken]) {
      self.bytes = bytes
      self.tokens = tokens
    }
  }

  let storage: Storage

  /// Decodes `bytes`. O(n), no recursion; 16 bytes of memory a value.
  public init(_ bytes: [UInt8], options: BencodeOptions = .strict) throws(BencodeError) {
    var parser = BencodeParser(options: options)
    _ = try parser.parse(bytes.rawBytes)
    storage = Storage(bytes: bytes, tokens: parser.tokens)
  }

  /// Decodes the value at the start of borrowed `bytes` and copies only that; what follows it is left
  /// to the caller and begins at `root.range.upperBound`.
  public init(prefixOf bytes: RawSpan, options: BencodeOptions = .message) throws(BencodeError) {
    var options = options
    options.allowsTrailingBytes = true
    var parser = BencodeParser(options: options)
    let length = try parser.parse(bytes)
    storage = Storage(bytes: bytes.array(0..<length), tokens: parser.tokens)
  }

  /// The outermost value.
  public var root: BencodeValue { BencodeValue(storage: storage, index: 0) }

  /// The bytes that were decoded.
  public var bytes: [UInt8] { storage.bytes }
}

extension Bencode {
  /// Checks borrowed bytes without keeping anything; returns how many the first value takes.
  public static func validate(
    _ bytes: RawSpan, options: BencodeOptions = .strict
  ) throws(BencodeError) -> Int {
    var parser = BencodeParser(options: options)
    return try parser.parse(bytes)
  }
}
