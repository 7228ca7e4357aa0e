import FuzzDriver
import TrackerProtocol

/// An announce that is taken is the same after it was written and read again.
@main
enum FuzzTrackerQuery {
  static func main() {
    let code = fuzz { start, count in
      FuzzTrackerQuery.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    do {
      let request = try AnnounceRequest(query: input)
      precondition(request.peerID.count == 20 && request.port != 0)
      guard let again = try? AnnounceRequest(query: Array(request.query.utf8)) else {
        preconditionFailure("an announce cannot be read after it was written")
      }
      precondition(again.infoHash == request.infoHash && again.peerID == request.peerID)
      precondition(again.port == request.port && again.left == request.left)
      precondition(again.uploaded == request.uploaded && again.downloaded == request.downloaded)
      precondition(again.event == request.event && again.key == request.key)
    } catch {
      precondition(!error.description.isEmpty)
    }
    if let scrape = try? ScrapeRequest(query: input) {
      _ = scrape.url(announce: String(decoding: input, as: UTF8.self))
    }
  }
}
