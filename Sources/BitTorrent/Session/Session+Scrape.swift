public import Digest
import EventLoop
import Synchronization
public import TrackerProtocol
import Transfer

/// Why a tracker did not say how large a swarm is.
public struct ScrapeError: Error, Sendable, CustomStringConvertible {
  /// One line for people.
  public let description: String
}

extension Session {
  /// Asks a tracker how large swarms are (BEP 48 over HTTP, BEP 15 over UDP), over whichever family of addresses
  /// answers first. Those that it does not know are left out over HTTP, and zero over UDP.
  ///
  /// Takes 20 s at most. Over UDP the first `UDPTrackerRequest.maximumScrape` are asked for.
  public func scrape(
    _ tracker: String, _ infoHashes: [InfoHash]
  ) async throws(ScrapeError) -> ScrapeReply {
    if tracker.prefix(4).lowercased() == "udp:" {
      guard let url = UDPTrackerURL(tracker) else { throw ScrapeError(description: "the URL cannot be used") }
      return try await scrape(url, infoHashes).get()
    }
    guard let url = ScrapeRequest(infoHashes: infoHashes).url(announce: tracker) else {
      throw ScrapeError(description: "the tracker cannot be asked: its URL does not end with 'announce'")
    }
    let context = loops[0]
    let result = await withCheckedContinuation { (done: CheckedContinuation<ScrapeResult, Never>) in
      context.loop.post { loop in
        context.value(on: loop).trackerHTTP.get(url, limits: HTTPLimits(timeout: 20), on: loop) { _, result in
          let reply = TrackerRefusal.read(result) { bytes throws(TrackerFault) in try ScrapeReply(bytes) }
          done.resume(returning: reply.mapError { ScrapeError(description: $0.reason) })
        }
      }
    }
    return try result.get()
  }

  private typealias ScrapeResult = Result<ScrapeReply, ScrapeError>

  private func scrape(_ url: UDPTrackerURL, _ infoHashes: [InfoHash]) async -> ScrapeResult {
    guard let udpTrackers else { return .failure(ScrapeError(description: "there is no UDP port")) }
    let hashes = Array(infoHashes.prefix(UDPTrackerRequest.maximumScrape))
    return await withCheckedContinuation { (done: CheckedContinuation<ScrapeResult, Never>) in
      let first = FirstAnswer(done)
      _ = udpTrackers.ask(
        UDPTrackerErrand(url: url, question: .scrape(hashes)) { _, result, isLast in
          switch result {
          case .success(.scrape(let reply)): first.resume(.success(reply))
          case .success: first.resume(.failure(ScrapeError(description: "it answers something else")))
          case .failure(let refusal):
            if isLast { first.resume(.failure(ScrapeError(description: refusal.reason))) }
          }
        })
    }
  }

  /// Lets one answer through.
  private final class FirstAnswer: Sendable {
    private let waiting: Mutex<CheckedContinuation<ScrapeResult, Never>?>

    init(_ continuation: CheckedContinuation<ScrapeResult, Never>) { waiting = Mutex(continuation) }

    func resume(_ result: ScrapeResult) { waiting.withLock { $0.take() }?.resume(returning: result) }
  }
}
