import Addresses
import Bytes
import FuzzDriver
import PeerProtocol

/// A datagram of BEP 14 that is taken is the same after it was written and read again.
@main
enum FuzzLocalDiscovery {
  static func main() {
    let code = fuzz { start, count in
      FuzzLocalDiscovery.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    guard let announce = LocalAnnounce(input.rawBytes) else { return }
    precondition(announce.port != 0 && !announce.infoHashes.isEmpty)
    let written = announce.encoded(to: LocalAnnounce.groupV6)
    precondition(written.count <= LocalAnnounce.maximumSize + 100)
    guard let again = LocalAnnounce(written.rawBytes) else { preconditionFailure("not read again") }
    precondition(again.port == announce.port && again.cookie == announce.cookie)
    precondition(again.infoHashes == Array(announce.infoHashes.prefix(LocalAnnounce.maximumHashes)))
    var core = LocalDiscovery(cookie: announce.cookie ?? "")
    let sender = IPAddress(v4: 0x0a00_0001)
    precondition((core.heard(input.rawBytes, from: sender, now: 0) == nil) == (announce.cookie != nil))
  }
}
