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
    try await Scraper(context: loops[0], udpTrackers: udpTrackers).scrape(tracker, infoHashes)
  }
}

/// What one of a torrent's trackers says of its swarm.
public struct TrackerScrape: Sendable {
  /// The tracker's announce URL.
  public let tracker: String
  /// How large the swarm is, all info-hashes of a hybrid together.
  public let counts: Result<SwarmCounts, ScrapeError>
}

extension TorrentHandle {
  /// Asks all of the torrent's trackers at once how large its swarm is, in the order in which they are announced to.
  /// Takes 20 s at most.
  public func scrape() async -> [TrackerScrape] {
    let (scraper, trackers, hashes) = await seat.loop.perform { loop in
      let seat = seat.value(on: loop)
      let context = seat.context
      return (
        Scraper(context: Confined(context, on: loop), udpTrackers: context.udpTrackers),
        seat.announcers.first?.list.trackers.map(\.url) ?? [], seat.outline.infoHashes
      )
    }
    return await withTaskGroup(of: (Int, TrackerScrape).self) { group in
      for (index, tracker) in trackers.enumerated() {
        group.addTask { (index, await scraper.sum(tracker, hashes)) }
      }
      var answers: [(Int, TrackerScrape)] = []
      for await answer in group { answers.append(answer) }
      return answers.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }
}

/// Asks trackers for the sizes of swarms.
private struct Scraper: Sendable {
  let context: Confined<LoopContext>
  let udpTrackers: UDPTrackerLink?

  /// The sizes of a torrent's swarms, added up.
  func sum(_ tracker: String, _ infoHashes: [InfoHash]) async -> TrackerScrape {
    do throws(ScrapeError) {
      let reply = try await scrape(tracker, infoHashes)
      var sum = SwarmCounts(seeds: 0, leeches: 0, downloaded: 0)
      for hash in infoHashes {
        guard let counts = reply.swarms[hash] else { continue }
        sum.seeds += counts.seeds
        sum.leeches += counts.leeches
        sum.downloaded += counts.downloaded
      }
      return TrackerScrape(tracker: tracker, counts: .success(sum))
    } catch {
      return TrackerScrape(tracker: tracker, counts: .failure(error))
    }
  }

  func scrape(_ tracker: String, _ infoHashes: [InfoHash]) async throws(ScrapeError) -> ScrapeReply {
    if tracker.prefix(4).lowercased() == "udp:" {
      guard let url = UDPTrackerURL(tracker) else { throw ScrapeError(description: "the URL cannot be used") }
      return try await scrape(url, infoHashes).get()
    }
    guard let url = ScrapeRequest(infoHashes: infoHashes).url(announce: tracker) else {
      throw ScrapeError(description: "the tracker cannot be asked: its URL does not end with 'announce'")
    }
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
    guard let udpTrackers else {
      let reason = await context.loop.perform { loop in context.value(on: loop).whyNoDatagrams }
      return .failure(ScrapeError(description: reason))
    }
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
