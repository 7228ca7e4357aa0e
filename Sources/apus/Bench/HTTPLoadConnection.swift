import Addresses
import Bytes
import CSystem
import EventLoop
import Glibc

/// One connection of a load over HTTP, with at most one request under way.
struct HTTPLoadConnection {
  /// What came of looking at it.
  enum Answer {
    case none
    case failed
    /// The body, and the bytes of the whole answer.
    case body([UInt8], Int)
  }

  private let number: Int
  private let isKept: Bool
  private var descriptor: Int32 = -1
  private var toSend: [UInt8] = []
  private var received: [UInt8] = []
  private(set) var isBusy = false
  private(set) var dueAt: UInt64 = 0

  init(number: Int, isKept: Bool) {
    self.number = number
    self.isKept = isKept
  }

  /// Begins a request; false if no connection can be made.
  mutating func begin(_ request: [UInt8], to tracker: Endpoint, dueAt: UInt64) -> Bool {
    if descriptor < 0 {
      // To a tracker on this machine, from many addresses.
      let source =
        tracker.address.isV4 && tracker.address.isLoopback
        ? IPAddress(v4: 0x7f00_0101 + UInt32(number % 200)) : nil
      guard let opened = try? TCP.connect(to: tracker, from: source) else { return false }
      descriptor = opened
    }
    toSend = request
    received.removeAll(keepingCapacity: true)
    self.dueAt = dueAt
    isBusy = true
    return true
  }

  /// Writes and reads what can be.
  mutating func advance() -> (moved: Bool, answer: Answer) {
    if !toSend.isEmpty {
      let count = unsafe send(descriptor, toSend, toSend.count, Int32(MSG_NOSIGNAL))
      if count > 0 {
        toSend.removeFirst(count)
      } else if errno != EAGAIN, errno != ENOTCONN {
        return (true, fail())
      }
      guard toSend.isEmpty else { return (count > 0, .none) }
    }
    let before = received.count
    let count = unsafe withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { buffer in
      guard let start = buffer.baseAddress else { return 0 }
      let count = unsafe recv(descriptor, start, buffer.count, 0)
      if count > 0 { unsafe received.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count)) }
      return count
    }
    if count < 0 { return errno == EAGAIN || errno == ENOTCONN ? (false, .none) : (true, fail()) }
    if count == 0 {
      // Its end may be what ends the answer.
      let body = Self.split(received).map { $0.body }
      close()
      guard let body, before > 0 else { return (true, .failed) }
      return (true, .body(Array(body), before))
    }
    guard let (length, body) = Self.split(received), let length, body.count >= length else {
      return (true, .none)
    }
    let answer = Answer.body(Array(body.prefix(length)), received.count)
    if isKept { isBusy = false } else { close() }
    return (true, answer)
  }

  private mutating func fail() -> Answer {
    close()
    return .failed
  }

  mutating func close() {
    if descriptor >= 0 { TCP.close(descriptor) }
    descriptor = -1
    isBusy = false
  }

  /// What the header says of the body's length, and what there is of the body; `nil` while the header is not whole.
  private static func split(_ bytes: [UInt8]) -> (length: Int?, body: ArraySlice<UInt8>)? {
    let end = Array("\r\n\r\n".utf8)
    guard bytes.count > 4,
      let at = (0...bytes.count - 4).first(where: { bytes[$0] == 13 && bytes[$0..<$0 + 4].elementsEqual(end) }
      )
    else { return nil }
    let header = String(decoding: bytes[..<at], as: UTF8.self).lowercased()
    var length: Int?
    for line in header.split(separator: "\r\n") where line.hasPrefix("content-length:") {
      length = Int(line.dropFirst(15).trimmingPrefix { $0 == " " })
    }
    return (length, bytes[(at + 4)...])
  }
}
