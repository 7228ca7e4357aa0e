internal import Bytes

/// The beginning of a message whose rest has not arrived. Its memory is that of the whole message, once
/// its length is known, so that the rest is read from the socket right behind it.
struct PartialMessage {
  private(set) var bytes: [UInt8] = []
  private(set) var filled = 0

  /// Whether nothing is waiting.
  var isEmpty: Bool { filled == 0 }
  /// Bytes that are missing, as far as known.
  var missing: Int { bytes.count - filled }
  /// Whether all bytes that were known to be needed are here.
  var isWhole: Bool { filled > 0 && missing == 0 }

  /// Keeps `part`, the start of a message of `needed` bytes (or of its length field).
  mutating func begin(_ part: UnsafeRawBufferPointer, needed: Int) {
    if bytes.count < needed {
      bytes.append(contentsOf: repeatElement(0, count: needed - bytes.count))
    } else {
      bytes.removeLast(bytes.count - needed)
    }
    filled = part.count
    unsafe bytes.withUnsafeMutableBytes { unsafe $0.copyMemory(from: part) }
  }

  /// `count` more bytes were read into the room that `withRoom` gave.
  mutating func received(_ count: Int) { filled += count }

  /// The room behind what is here.
  mutating func withRoom<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
    let start = filled
    return unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe body(UnsafeMutableRawBufferPointer(rebasing: buffer[start...]))
    }
  }

  /// Takes the whole message out, leaving nothing; give its memory back with `recycle`.
  mutating func take() -> [UInt8] {
    filled = 0
    var taken: [UInt8] = []
    swap(&taken, &bytes)
    return taken
  }

  /// Gives the memory of a handled message back for the next one.
  mutating func recycle(_ memory: consuming [UInt8]) {
    if bytes.isEmpty, memory.count <= 64 << 10 { bytes = memory }
  }
}
