import PeerProtocol

/// The blocks that a peer has asked for and not yet been given, oldest first.
struct UploadQueue {
  private var requests: [BlockRequest] = []
  private var first = 0
  /// Pieces that the peer may ask for while choked (BEP 6).
  var allowedFast: [Int] = []
  /// Batches that a disk thread is reading now.
  var reading = 0
  /// Whether the last batch was put back for want of memory.
  var isStarved = false

  var count: Int { requests.count - first }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ request: BlockRequest) { requests.append(request) }

  /// Takes the oldest requests, at most `bytes` of payload but at least one.
  mutating func take(bytes: Int) -> [BlockRequest] {
    var total = 0
    var end = first
    while end < requests.count, end == first || total + requests[end].length <= bytes {
      total += requests[end].length
      end += 1
    }
    let taken = Array(requests[first..<end])
    first = end
    if first == requests.count {
      requests.removeAll(keepingCapacity: true)
      first = 0
    } else if first > 1024 {
      requests.removeFirst(first)
      first = 0
    }
    return taken
  }

  /// Puts requests that could not be read yet back to the front.
  mutating func putBack(_ taken: [BlockRequest]) {
    requests.replaceSubrange(..<first, with: taken)
    first = 0
  }

  /// Takes a request back; whether it was still waiting.
  mutating func cancel(_ request: BlockRequest) -> Bool {
    guard let index = requests[first...].firstIndex(of: request) else { return false }
    requests.remove(at: index)
    return true
  }

  /// Takes out all requests but those for pieces in `keeping`.
  mutating func drop(keeping: (BlockRequest) -> Bool) -> [BlockRequest] {
    let waiting = requests[first...]
    let dropped = waiting.filter { !keeping($0) }
    requests = waiting.filter(keeping)
    first = 0
    return dropped
  }

  mutating func removeAll() {
    requests = []
    first = 0
  }
}
