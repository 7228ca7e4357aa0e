/// A value that is a fixed number of bytes on the wire: a digest, a peer id. Conformers keep them in words,
/// so that they are cheap to hash, compare and copy, and say how they are read and appended; the rest follows.
public protocol FixedBytes: Hashable, Sendable, Comparable {
  /// The size in bytes.
  static var byteCount: Int { get }
  /// Reads the value that starts at `offset`; the caller has checked that enough bytes follow.
  init(_ bytes: RawSpan, at offset: Int)
  /// Appends the bytes to `buffer`.
  func append(to buffer: inout [UInt8])
}

extension FixedBytes {
  /// The value at the start of `bytes`; the caller has checked that there are enough.
  @inlinable
  public init(_ bytes: RawSpan) { self.init(bytes, at: 0) }

  /// The value in `bytes`, or `nil` if their number is wrong.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.init(bytes.rawBytes, at: 0)
  }

  /// The value that `text` spells in hexadecimal digits, two a byte.
  public init?(hexadecimal text: some StringProtocol) {
    guard let bytes = [UInt8](hexadecimal: text) else { return nil }
    self.init(bytes)
  }

  /// The bytes, in order. One allocation.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount)
    append(to: &bytes)
    return bytes
  }
}
