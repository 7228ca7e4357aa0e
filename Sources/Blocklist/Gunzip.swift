private import CZlib

/// Unpacks gzip as it comes, also several files in a row, in pieces of a fixed size: memory does not depend on what
/// it unpacks to.
@safe
final class Gunzip {
  enum Outcome {
    case more, done, broken
  }

  private static let pieceSize = 64 << 10
  private let stream: UnsafeMutablePointer<z_stream>
  private let piece: UnsafeMutableRawBufferPointer
  private var isAtEnd = false

  init() {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    unsafe piece = .allocate(byteCount: Self.pieceSize, alignment: 16)
    let result = unsafe apus_gunzip_start(stream)
    precondition(result == Z_OK, "out of memory")
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
    unsafe piece.deallocate()
  }

  /// Whether a whole file has been unpacked and nothing was begun behind it.
  var isComplete: Bool { isAtEnd }

  /// Unpacks `bytes`; `take` gets what comes out, piece by piece, and ends it by returning false.
  func unpack(_ bytes: RawSpan, _ take: (RawSpan) -> Bool) -> Outcome {
    unsafe bytes.withUnsafeBytes { input -> Outcome in
      guard let start = input.baseAddress else { return .more }
      // zlib reads only, whatever its types say.
      unsafe stream.pointee.next_in = UnsafeMutablePointer(
        mutating: start.assumingMemoryBound(to: UInt8.self))
      unsafe stream.pointee.avail_in = UInt32(clamping: input.count)
      while true {
        if isAtEnd {
          guard unsafe stream.pointee.avail_in > 0 else { return .more }
          // Another file, or padding that nobody needs.
          guard unsafe stream.pointee.next_in.pointee == 0x1f else { return .done }
          unsafe inflateReset(stream)
          isAtEnd = false
        }
        unsafe stream.pointee.next_out = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(piece.count)
        let result = unsafe inflate(stream, Z_NO_FLUSH)
        let count = unsafe piece.count - Int(stream.pointee.avail_out)
        let isWanted = unsafe take(
          RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(piece)[..<count])))
        guard isWanted else { return .done }
        switch result {
        case Z_STREAM_END: isAtEnd = true
        case Z_OK: break
        case Z_BUF_ERROR: return .more
        default: return .broken
        }
        if unsafe !isAtEnd && stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0 { return .more }
      }
    }
  }
}
