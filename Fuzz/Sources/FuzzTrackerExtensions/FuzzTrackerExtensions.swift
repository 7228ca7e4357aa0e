import FuzzDriver
import TrackerProtocol

/// What clients and trackers say beyond the BEPs is the same after it was written and read again.
@main
enum FuzzTrackerExtensions {
  static func main() {
    let code = fuzz { start, count in
      FuzzTrackerExtensions.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    if let set = PieceSet(input) {
      precondition(PieceSet(Array(set.text.utf8)) == set && PieceSet(bitmap: set.bitmap) == set)
      precondition(set.ranges.reduce(0) { $0 + $1.count } == set.count && set.upperBound <= PieceSet.limit)
    }
    let half = input.count / 2
    if let one = PieceSet(bitmap: Array(input[..<half])), let other = PieceSet(bitmap: Array(input[half...]))
    {
      let (both, rest) = (one.union(other), one.subtracting(other))
      precondition(both.count == rest.count + other.count)
      for piece in [0, half, input.count * 4] {
        precondition(both.contains(piece) == (one.contains(piece) || other.contains(piece)))
        precondition(rest.contains(piece) == (one.contains(piece) && !other.contains(piece)))
      }
    }
    if let query = ExtensionQuery(query: input) {
      precondition(query.need.count <= ExtensionQuery.maximumNeed)
      precondition(ExtensionQuery(query: Array(query.query.utf8)) == query)
    }
    if let batch = try? BatchRequest(input, limit: 100) {
      precondition(batch.entries.count <= 100)
      precondition((try? BatchRequest(batch.encoded(), limit: 100)) == batch)
    }
    if let reply = try? BatchReply(input) {
      guard let again = try? BatchReply(reply.encoded()) else {
        preconditionFailure("a batch is not read again")
      }
      precondition(again.results.count == reply.results.count)
    }
    if let reply = try? AnnounceReply(input), reply.extensions != nil {
      precondition((try? AnnounceReply(reply.encoded(compact: true)))?.extensions == reply.extensions)
    }
  }
}
