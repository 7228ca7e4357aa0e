import Bytes
import Digest
import Encryption
import FuzzDriver

/// Both sides of an encrypted handshake take anything, in parts of any size, hold little, and come to an end.
@main
enum FuzzEncryption {
  static func main() {
    let code = fuzz { start, count in
      FuzzEncryption.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    guard let first = input.first else { return }
    let size = 1 + Int(first)
    guard let name = InfoHash([UInt8](repeating: 7, count: 20)) else { return }
    var responder = MSEResponder(accepting: [.rc4, .plain], exchange: KeyExchange(secret: [5, 1]))
    var initiator = MSEInitiator(
      name, offering: [.rc4, .plain], first: [1, 2, 3], exchange: KeyExchange(secret: [9, 2]))
    var toResponder = Array(input.dropFirst())
    // With an even first byte the two speak to each other, and the input is what comes in between.
    if first % 2 == 0 { toResponder = initiator.opening + toResponder }
    var sent = 0
    while !toResponder.isEmpty {
      let part = Array(toResponder.prefix(size))
      toResponder.removeFirst(part.count)
      guard case .more(let answer) = responder.receive(part.rawBytes, find: { _ in name }) else { return }
      sent += answer.count
      // A key and its padding, once: never more than was asked with, but for the padding.
      precondition(sent <= 96 + 512)
      guard first % 2 == 0, !answer.isEmpty else { continue }
      if case .more(let request) = initiator.receive(answer.rawBytes) { toResponder = request + toResponder }
    }
  }
}
