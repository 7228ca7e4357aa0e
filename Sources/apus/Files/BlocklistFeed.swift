import BitTorrent
import Blocklist
import Bytes
import CSystem
import Glibc
import Proxy
import Transfer

/// Blocklists from files and from the web, read again when they change.
///
/// One that cannot be read at the start is a mistake that ends the command: nobody is to be met whom the list may
/// name. Later the old list stays.
struct BlocklistFeed: Sendable {
  /// Bytes of a list as it comes from the web.
  private static let webLimit = 128 << 20
  private static let chunk = 64 << 10
  /// Seconds between two looks whether files have changed, and between two fetches from the web.
  private static let lookInterval = 10.0
  private static let fetchInterval = 86_400.0
  /// Seconds after which what could not be read is tried again.
  private static let retryInterval = 3600.0

  let sources: [String]
  /// The interface that lists are fetched through, if that matters.
  var interface: String?
  /// The proxy that lists are fetched through: that of web seeds.
  var proxy: ProxyURL?

  /// What was read, and what to tell about it.
  struct Outcome: Sendable {
    var list: Blocklist
    var notes: [String]
  }

  /// Reads all lists into one.
  func load() async throws(Failure) -> Outcome {
    var reader = BlocklistReader()
    var notes: [String] = []
    for source in sources {
      let report = try await read(source, into: &reader)
      guard report.ranges > 0 || report.allowed > 0 || report.malformed == 0 else {
        throw Failure("'\(source)' is no blocklist: no line of it names addresses")
      }
      if let note = Self.note(report, source) { notes.append(note) }
    }
    return Outcome(list: reader.blocklist(), notes: notes)
  }

  /// What is to be said of a list that has lines that were not understood.
  private static func note(_ report: BlocklistReport, _ source: String) -> String? {
    guard report.malformed > 0, let fault = report.faults.first else { return nil }
    let lines = report.malformed == 1 ? "one line was" : "\(report.malformed) lines were"
    return "blocklist '\(source)': \(lines) not understood, the first is line \(fault.line): '\(fault.text)'"
  }

  private func read(_ source: String, into reader: inout BlocklistReader) async throws(Failure)
    -> BlocklistReport
  {
    if case .url = TorrentSource(source) {
      let bytes = try await fetch(source)
      try Self.take(bytes, from: source, into: &reader)
    } else {
      try Self.read(source, into: &reader)
    }
    do throws(BlocklistError) {
      return try reader.endOfList()
    } catch {
      throw Self.failure(source, error)
    }
  }

  private func fetch(_ url: String) async throws(Failure) -> [UInt8] {
    switch await TorrentFetch.get(url, limit: Self.webLimit, through: interface, proxy) {
    case .failure(let error): throw Failure("cannot fetch the blocklist '\(url)': \(error)")
    case .success(let reply):
      guard reply.isSuccess else {
        throw Failure("cannot fetch the blocklist '\(url)': the server answers with status \(reply.status)")
      }
      return reply.body
    }
  }

  private static func read(_ path: String, into reader: inout BlocklistReader) throws(Failure) {
    let descriptor = unsafe apus_open(path, O_RDONLY, 0)
    guard descriptor >= 0 else { throw FileSystem.failure("cannot read the blocklist", path) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: chunk)
    while true {
      let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileSystem.failure("cannot read the blocklist", path) }
      guard count > 0 else { return }
      try take(Array(bytes[..<count]), from: path, into: &reader)
    }
  }

  private static func take(
    _ bytes: [UInt8], from source: String, into reader: inout BlocklistReader
  ) throws(Failure) {
    do throws(BlocklistError) {
      try reader.take(bytes.rawBytes)
    } catch {
      throw failure(source, error)
    }
  }

  private static func failure(_ source: String, _ error: BlocklistError) -> Failure {
    Failure("the blocklist '\(source)' cannot be used: \(error)")
  }

  // MARK: Changes

  /// Keeps the list of a session up to date for as long as there is one.
  func follow(_ session: Session, _ console: Console) {
    Task { [weak session] in
      var known = versions
      var waited = 0.0
      while session != nil {
        try? await Task.sleep(nanoseconds: UInt64(Self.lookInterval * 1e9))
        waited += Self.lookInterval
        let present = versions
        guard present != known || waited >= Self.fetchInterval else { continue }
        waited = 0
        known = present
        do throws(Failure) {
          let outcome = try await load()
          for note in outcome.notes { console.note(note) }
          await session?.set(blocklist: outcome.list)
        } catch {
          console.error("\(error.message); the list that was read before stays")
          waited = Self.fetchInterval - Self.retryInterval
        }
      }
    }
  }

  /// Tells files that have changed from those that have not.
  private var versions: [String] {
    sources.map { source in
      var found = apus_file_status()
      let path = FileSystem.target(source)
      guard unsafe apus_status_at(AT_FDCWD, path, &found) == 0 else { return "" }
      return "\(found.modified) \(found.size) \(found.inode)"
    }
  }
}
