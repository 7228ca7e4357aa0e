import Bytes
internal import CSystem
internal import EventLoop
internal import Glibc

/// Why one process cannot take over from another.
struct HandOverFault: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }

  init(system what: String) { description = "\(what): \(SystemMessage.text(errno))" }
}

/// What the two processes say to each other, in this order. Each is four bytes of length, a byte of kind, a text.
///
///     new                                         old
///     hello, its version of this conversation  →
///                                              ←  sockets, with their descriptors; the text is the secret of the
///                                                 connection ids. A snapshot has been written.
///     loaded                                   →
///                                                 (reads no more from the sockets, writes what has changed)
///                                              ←  connections, with descriptors of connections; any number of those
///                                              ←  yours
///     serving                                  →  (ends)
///
/// Either may say `failed` instead, with a reason, or just end: then the old one serves on.
enum HandOverMessage: UInt8 {
  case hello
  case sockets
  case loaded
  case yours
  case serving
  case failed
  case connections

  static let version = "1"
}

/// One end of a hand-over's local socket. Blocking, with patience.
struct HandOverChannel: ~Copyable {
  private static let largest = 1 << 16
  private let descriptor: Int32

  init(_ descriptor: Int32, patience: Int32 = 30_000) {
    self.descriptor = descriptor
    _ = apus_set_patience(descriptor, patience)
  }

  deinit { TCP.close(descriptor) }

  /// Whether the other end belongs to our user.
  var isTrusted: Bool { apus_is_own_user(descriptor) != 0 }

  func send(_ message: HandOverMessage, _ text: String = "", descriptors: [Int32] = []) throws(HandOverFault)
  {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: UInt32(text.utf8.count + 1))
    bytes.append(message.rawValue)
    bytes.append(utf8: text)
    let result = unsafe apus_send_descriptors(
      descriptor, bytes, bytes.count, descriptors, Int32(descriptors.count))
    guard result == 0 else { throw HandOverFault(system: "the other process cannot be reached") }
  }

  /// What came.
  struct Arrival {
    var message: HandOverMessage
    var text: String
    var descriptors: [Int32]
  }

  /// Waits for the message that has to come, one of these.
  func expect(_ messages: HandOverMessage...) throws(HandOverFault) -> Arrival {
    var descriptors: [Int32] = []
    do throws(HandOverFault) {
      let header = try read(4, &descriptors)
      let length = Int(header.rawBytes.bigEndian(UInt32.self, at: 0))
      guard length >= 1, length <= Self.largest else {
        throw HandOverFault("the other process speaks otherwise")
      }
      let body = try read(length, &descriptors)
      let text = String(decoding: body[1...], as: UTF8.self)
      if body[0] == HandOverMessage.failed.rawValue { throw HandOverFault(text) }
      guard let message = messages.first(where: { $0.rawValue == body[0] }) else {
        throw HandOverFault("the other process speaks otherwise")
      }
      return Arrival(message: message, text: text, descriptors: descriptors)
    } catch {
      for descriptor in descriptors { TCP.close(descriptor) }
      throw error
    }
  }

  private func read(_ count: Int, _ descriptors: inout [Int32]) throws(HandOverFault) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      var came = [Int32](repeating: -1, count: Int(APUS_DESCRIPTORS))
      var number: Int32 = 0
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe apus_receive_descriptors(
          descriptor, buffer.baseAddress.map { unsafe $0 + done }, count - done, &came, &number)
      }
      descriptors += came[..<Int(number)]
      if got < 0 { throw HandOverFault(system: "the other process does not answer") }
      guard got > 0 else { throw HandOverFault("the other process has ended") }
      done += got
    }
    return bytes
  }
}
