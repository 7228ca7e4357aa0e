import Addresses
import Bytes
import FuzzDriver
import PeerProtocol

/// A message of BEP 55 that is taken is the same after it was written and read again, and what a relay makes of it
/// leads to nobody's insides.
@main
enum FuzzHolePunch {
  static func main() {
    let code = fuzz { start, count in
      FuzzHolePunch.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    guard let message = try? HolePunchMessage(input.rawBytes) else { return }
    let again = try? HolePunchMessage(message.encoded().rawBytes)
    precondition(again == message)
    let asker = HolePunching.Acquaintance(
      remote: Endpoint(IPAddress(v4: 0x0808_0808), port: 7), listening: nil, isUTP: true, takesPart: true)
    for takesPart in [false, true] {
      let target = HolePunching.Acquaintance(
        remote: message.endpoint, listening: message.endpoint, isUTP: false, takesPart: takesPart)
      switch HolePunching.introduce(asker, to: message.endpoint, target: target, isOurs: false) {
      case .success(let introduction):
        precondition(
          takesPart && introduction.toAsker == message.endpoint && introduction.toTarget == asker.remote)
        precondition(!message.endpoint.address.isPrivate && message.endpoint.port != 0)
      case .failure(let refusal): precondition(refusal.fault != .noSelf && refusal.fault != .notConnected)
      }
    }
    var punching = HolePunching()
    var taken = 0
    for byte in input where punching.received(now: UInt64(byte)) == .take { taken += 1 }
    precondition(taken <= 17)
  }
}
