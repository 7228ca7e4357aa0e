import Addresses
import Bytes
import MainlineDHT

/// A node that lies: whatever it is asked, it names nodes that are nearer than anybody, which do not exist or are
/// its friends, and peers that nobody announced.
final class Poisoner: Player {
  let address: NodeAddress
  /// Other liars, to be named.
  var friends: [Endpoint] = []
  private let numbers: Numbers
  private var outgoing: [Datagram] = []

  init(_ address: NodeAddress, _ numbers: Numbers) {
    self.address = address
    self.numbers = numbers
  }

  var deadline: Double { .infinity }
  func tick(now: Double) {}

  func takeDatagrams() -> [Datagram] {
    defer { outgoing = [] }
    return outgoing
  }

  func receive(_ message: Message, from endpoint: Endpoint, now: Double) {
    guard case .query(_, let query) = message.content else { return }
    var response = Response(id: address.id)
    switch query {
    case .findNode(let target, _): response.nodes = lies(near: target)
    case .getPeers(let name, _, _, _):
      response.nodes = lies(near: name)
      response.token = [1, 2, 3, 4]
      response.peers = [Endpoint(IPAddress(v4: UInt32(truncatingIfNeeded: numbers.next())), port: 6881)]
    case .get(let target, _, _):
      response.nodes = lies(near: target)
      response.token = [1, 2, 3, 4]
      response.value = Array("5:wrong".utf8)
    default: break
    }
    outgoing.append(
      Datagram(
        endpoint: endpoint, message: Message(transaction: message.transaction, content: .response(response))))
  }

  /// Eight nodes that differ from the target in their last bits only.
  private func lies(near target: NodeID) -> [NodeAddress] {
    (0..<8).map { _ in
      var bytes = target.bytes
      bytes[18] = UInt8(truncatingIfNeeded: numbers.next())
      bytes[19] = UInt8(truncatingIfNeeded: numbers.next())
      let isFriend = !friends.isEmpty && numbers.number(below: 2) == 0
      let nowhere = Endpoint(
        IPAddress(v4: 0x5000_0000 | UInt32(truncatingIfNeeded: numbers.next()) >> 5), port: 6881)
      return NodeAddress(
        id: NodeID(bytes) ?? target,
        endpoint: isFriend ? friends[numbers.number(below: friends.count)] : nowhere)
    }
  }
}
