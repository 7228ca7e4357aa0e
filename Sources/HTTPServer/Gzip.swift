private import CZlib

/// Packs bytes as gzip (RFC 1952), part by part: for bodies of a client that accepts the coding.
///
/// Unchecked `Sendable`: it has no state outside of itself; not for two threads at a time.
@safe
public final class Gzip {
  private let stream: UnsafeMutablePointer<z_stream>
  /// What has been packed.
  public private(set) var output: [UInt8] = []
  private static let step = 64 << 10

  /// Begins; level 1 is fast, 9 is small.
  public init(level: Int = 1) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let started = unsafe apus_gzip_start(stream, Int32(clamping: level))
    precondition(started == Z_OK, "no memory for compression")
  }

  deinit {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Packs some more.
  public func append(_ bytes: [UInt8]) { run(bytes, Z_NO_FLUSH) }

  /// Packs what is left and ends; `output` is whole then.
  public func finish() { run([], Z_FINISH) }

  private func run(_ bytes: [UInt8], _ flush: Int32) {
    unsafe bytes.withUnsafeBufferPointer { input in
      unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      unsafe stream.pointee.avail_in = UInt32(input.count)
      var isFull = true
      while isFull {
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: Self.step))
        unsafe output.withUnsafeMutableBufferPointer { room in
          unsafe stream.pointee.next_out = room.baseAddress.map { unsafe $0 + start }
          unsafe stream.pointee.avail_out = UInt32(Self.step)
          _ = unsafe deflate(stream, flush)
        }
        let left = unsafe Int(stream.pointee.avail_out)
        output.removeLast(left)
        isFull = left == 0
      }
    }
  }

  /// All of `bytes` at once.
  public static func packed(_ bytes: [UInt8], level: Int = 6) -> [UInt8] {
    let gzip = Gzip(level: level)
    gzip.append(bytes)
    gzip.finish()
    return gzip.output
  }

  /// Whether the value of an `Accept-Encoding` field takes gzip (RFC 9110, section 12.5.3).
  public static func isAccepted(by value: String?) -> Bool {
    guard let value else { return false }
    var accepts: Bool?
    for element in value.split(separator: ",") {
      let parts = element.split(separator: ";").map { part in
        String(part.filter { $0 != " " && $0 != "\t" }).lowercased()
      }
      guard let coding = parts.first else { continue }
      let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
      switch coding {
      case "gzip", "x-gzip": accepts = weight > 0
      case "*" where accepts == nil: accepts = weight > 0
      default: break
      }
    }
    return accepts ?? false
  }
}
