import Addresses
import Bytes
import FuzzDriver
import PeerProtocol

/// A message of BEP 11 that is taken is the same after it was written and read again.
@main
enum FuzzPeerExchange {
  static func main() {
    let code = fuzz { start, count in
      FuzzPeerExchange.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    guard let message = try? PeerExchangeMessage(input.rawBytes) else { return }
    precondition(message.added.count <= PeerExchangeMessage.readLimit)
    precondition(message.dropped.count <= PeerExchangeMessage.readLimit)
    let written = message.encoded()
    guard let again = try? PeerExchangeMessage(written.rawBytes) else {
      preconditionFailure("not read again")
    }
    // Mapped addresses come back among the IPv4 ones.
    precondition(Set(again.added) == Set(message.added) && Set(again.dropped) == Set(message.dropped))
    var exchange = PeerExchange()
    let receiver = Endpoint(IPAddress(v4: 0x0808_0808), port: 1)
    if let told = exchange.message(connected: message.added, to: receiver, now: 1) {
      precondition(told.added.count <= PeerExchangeMessage.limit && told.dropped.isEmpty)
      precondition(told.added.allSatisfy { $0.endpoint.port != 0 && !$0.endpoint.address.isPrivate })
      precondition(exchange.message(connected: [], to: receiver, now: 2) == nil)
    }
  }
}
