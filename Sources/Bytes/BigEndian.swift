// Bytes: integers, hexadecimal and base32 in byte buffers. The floor of the house: imports nothing.

extension RawSpan {
  /// The big-endian integer of `T`'s width at `offset`.
  ///
  /// The caller has checked that it lies inside; a violation traps. O(1), one unaligned load.
  @inlinable
  public func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, at offset: Int) -> T {
    precondition(offset >= 0 && offset <= byteCount - MemoryLayout<T>.size)
    return unsafe T(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: T.self))
  }

  /// The byte at `offset`; a position outside traps.
  @inlinable
  public func byte(at offset: Int) -> UInt8 { bigEndian(UInt8.self, at: offset) }

  /// A copy of the bytes in `range`; a range outside traps. O(n), one allocation.
  @inlinable
  public func array(_ range: Range<Int>) -> [UInt8] {
    let part = extracting(range)
    return unsafe part.withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

extension [UInt8] {
  /// The array's bytes as a raw span, borrowed from the array.
  public var rawBytes: RawSpan {
    @_lifetime(borrow self)
    @inlinable get { unsafe span.bytes }
  }

  /// Appends an integer in network byte order.
  @inlinable
  public mutating func append<T: FixedWidthInteger>(bigEndian value: T) {
    var shift = T.bitWidth
    while shift > 0 {
      shift -= 8
      append(UInt8(truncatingIfNeeded: value >> T(shift)))
    }
  }

  /// Appends the UTF-8 form of `text`.
  @inlinable
  public mutating func append(utf8 text: String) { append(contentsOf: text.utf8) }
}
