import BitTorrent
import Digest
import JSON
import TrackerProtocol

/// How large a swarm is, as each of its trackers says.
struct SwarmReport: Sendable {
  private struct Row: Sendable {
    let tracker: String
    let result: Result<SwarmCounts, ScrapeError>
  }

  private var rows: [Row] = []

  /// Asks all trackers at the same time. Of a hybrid's two swarms the counts are added.
  static func ask(_ trackers: [String], _ infoHashes: [InfoHash]) async throws(Failure) -> SwarmReport {
    var configuration = SessionConfiguration()
    configuration.dht.isEnabled = false
    configuration.loops = 1
    configuration.diskThreads = 1
    let session: Session
    do throws(SessionError) {
      session = try await Session(configuration)
    } catch {
      throw Failure(error.message)
    }
    let rows = await withTaskGroup(of: (Int, Row).self) { group in
      for (index, tracker) in trackers.enumerated() {
        group.addTask {
          (index, Row(tracker: tracker, result: await Self.counts(tracker, infoHashes, session)))
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    await session.stop()
    var report = SwarmReport()
    report.rows = rows.sorted { $0.0 < $1.0 }.map(\.1)
    return report
  }

  private static func counts(
    _ tracker: String, _ infoHashes: [InfoHash], _ session: Session
  ) async -> Result<SwarmCounts, ScrapeError> {
    do throws(ScrapeError) {
      let reply = try await session.scrape(tracker, infoHashes)
      return .success(
        reply.swarms.values.reduce(into: SwarmCounts()) { sum, counts in
          sum.seeds += counts.seeds
          sum.leeches += counts.leeches
          sum.downloaded += counts.downloaded
        })
    } catch {
      return .failure(error)
    }
  }

  /// A heading and a row a tracker.
  var text: String {
    guard !rows.isEmpty else { return "\nSwarm\n  no tracker to ask\n" }
    return "\nSwarm\n"
      + rows.map { row in
        let tracker = row.tracker.printable
        switch row.result {
        case .success(let counts):
          let seeds = Figures.count(counts.seeds, "seed")
          return "  \(tracker): \(seeds), \(counts.leeches) others, \(counts.downloaded) downloads\n"
        case .failure(let error): return "  \(tracker): \(error.description.printable)\n"
        }
      }.joined()
  }

  /// A report with what the trackers say as member `swarm`.
  func added(to report: JSONValue) -> JSONValue {
    guard case .object(let members) = report else { return report }
    let list = rows.map { row -> JSONValue in
      var members = [JSONValue.Member("tracker", .string(row.tracker))]
      switch row.result {
      case .success(let counts):
        members.append(JSONValue.Member("seeds", JSONValue(counts.seeds)))
        members.append(JSONValue.Member("leeches", JSONValue(counts.leeches)))
        members.append(JSONValue.Member("downloaded", JSONValue(counts.downloaded)))
      case .failure(let error): members.append(JSONValue.Member("error", .string(error.description)))
      }
      return .object(members)
    }
    return .object(members + [JSONValue.Member("swarm", .array(list))])
  }
}
