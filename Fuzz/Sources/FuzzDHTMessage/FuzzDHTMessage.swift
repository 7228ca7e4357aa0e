import Bytes
import FuzzDriver
import MainlineDHT

/// What is read as a message reads the same after it was written; states survive their files.
@main
enum FuzzDHTMessage {
  static func main() {
    let code = fuzz { start, count in
      FuzzDHTMessage.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    if let message = try? Message(input) {
      guard let again = try? Message(message.encoded()) else {
        preconditionFailure("a message cannot be read after it was written")
      }
      precondition(again == message)
      if case .response(let response) = message.content {
        precondition(response.nodes.count <= 20 && response.nodes6.count <= 20 && response.peers.count <= 200)
        for node in response.nodes { precondition(node.endpoint.port != 0 && node.endpoint.address.isV4) }
        for node in response.nodes6 { precondition(node.endpoint.port != 0 && !node.endpoint.address.isV4) }
      }
    }
    if let state = DHTState(file: input) { precondition(DHTState(file: state.file) == state) }
  }
}
