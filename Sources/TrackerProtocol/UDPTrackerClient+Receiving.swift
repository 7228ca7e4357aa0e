public import Addresses
import Bytes

// What trackers, and those who would like to be, send.
extension UDPTrackerClient {
  /// Takes a datagram. What is no answer to anything asked there is counted and ignored. O(1), and O(waiting)
  /// for a connection id.
  public mutating func receive(
    _ bytes: RawSpan, from endpoint: Endpoint, now: Double, using generator: inout some RandomNumberGenerator
  ) {
    guard bytes.byteCount >= 8, let purpose = transactions[bytes.bigEndian(UInt32.self, at: 4)] else {
      strays += 1
      return
    }
    switch purpose {
    case .connect(let asked):
      guard asked == endpoint else { break }
      return connected(bytes, endpoint, now: now)
    case .question(let id):
      guard let conversation = conversations[id], conversation.endpoint == endpoint,
        let connection = conversation.connection
      else { break }
      return answered(id, conversation, connection, bytes, now: now, using: &generator)
    }
    strays += 1
  }

  /// A tracker answers the question for a connection id.
  private mutating func connected(_ bytes: RawSpan, _ endpoint: Endpoint, now: Double) {
    guard var link = links[endpoint], let transaction = link.transaction else { return }
    let result = Self.read(bytes, endpoint)
    transactions[transaction] = nil
    link.transaction = nil
    let waiting = link.waiting
    link.waiting = []
    guard case .success(.connection(let connection)) = result else {
      links[endpoint] = link
      let fault = Self.fault(result)
      for id in waiting { finish(id, .failure(fault)) }
      return
    }
    link.connection = connection
    link.obtainedAt = now
    links[endpoint] = link
    for id in waiting {
      guard let conversation = conversations[id] else { continue }
      conversations[id]?.isFresh = true
      conversations[id]?.due = now + conversation.timeouts[conversation.attempt]
      send(id, connection)
    }
  }

  private mutating func answered(
    _ id: ID, _ conversation: Conversation, _ connection: UInt64, _ bytes: RawSpan, now: Double,
    using generator: inout some RandomNumberGenerator
  ) {
    let result = Self.read(bytes, conversation.endpoint)
    switch (result, conversation.question) {
    case (.success(.announce(let reply)), .announce):
      finish(id, .success(.announce(reply)))
    case (.success(.scrape(let counts)), .scrape(let hashes)):
      var reply = ScrapeReply(swarms: [:])
      for (hash, count) in zip(hashes, counts) { reply.swarms[hash] = count }
      finish(id, .success(.scrape(reply)))
    case (.success(.error), _) where !conversation.isFresh:
      // The tracker may have begun anew, or hold ids for less than a minute: once more with another one.
      if links[conversation.endpoint]?.connection == connection {
        links[conversation.endpoint]?.connection = nil
        links[conversation.endpoint]?.sentAt = -.infinity
      }
      conversations[id]?.isFresh = true
      conversations[id]?.due = now + conversation.timeouts[conversation.attempt]
      push(id, now: now, using: &generator)
    default:
      finish(id, .failure(Self.fault(result)))
    }
  }

  private static func read(
    _ bytes: RawSpan, _ endpoint: Endpoint
  ) -> Result<UDPTrackerReply, TrackerFault> {
    do throws(TrackerFault) {
      return .success(try UDPTrackerReply.decode(bytes, isV6: !endpoint.address.isV4).reply)
    } catch {
      return .failure(error)
    }
  }

  /// What is wrong with an answer that is not the one that was asked for.
  private static func fault(_ result: Result<UDPTrackerReply, TrackerFault>) -> TrackerFault {
    switch result {
    case .failure(let fault): fault
    case .success(.error(let reason)): .refused(reason: reason, retryIn: nil)
    case .success: .malformed("it answers something else")
    }
  }
}
