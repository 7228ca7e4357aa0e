import Bytes
import FuzzDriver
import TrackerProtocol

/// Replies that are taken survive both of their encodings; peers in them can be connected to.
@main
enum FuzzTrackerReply {
  static func main() {
    let code = fuzz { start, count in
      FuzzTrackerReply.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    do {
      let reply = try AnnounceReply(input)
      precondition(reply.interval >= 0 && reply.peers.count <= AnnounceReply.maximumPeers)
      for peer in reply.peers { precondition(peer.port != 0 && !peer.address.isUnspecified) }
      for compact in [true, false] {
        guard let again = try? AnnounceReply(reply.encoded(compact: compact)) else {
          preconditionFailure("a reply cannot be read after it was written")
        }
        precondition(again == reply)
      }
    } catch {
      precondition(!error.description.isEmpty)
    }
    if let reply = try? ScrapeReply(input) {
      guard let again = try? ScrapeReply(reply.encoded()), again == reply else {
        preconditionFailure("a scrape cannot be read after it was written")
      }
    }
  }
}
