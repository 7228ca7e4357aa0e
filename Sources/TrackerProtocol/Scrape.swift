import Bencode
import Bytes
public import Digest

/// What a tracker counts of one swarm (BEP 48, BEP 21).
public struct SwarmCounts: Sendable, Equatable {
  /// Seeds.
  public var seeds: Int
  /// Peers that are no seeds, partial seeds among them.
  public var leeches: Int
  /// Downloads that were completed since the tracker knows the torrent.
  public var downloaded: Int
  /// Leeches that are still downloading: those that are no partial seeds (BEP 21).
  public var downloaders: Int?

  /// The counts of a swarm.
  public init(seeds: Int = 0, leeches: Int = 0, downloaded: Int = 0, downloaders: Int? = nil) {
    self.seeds = seeds
    self.leeches = leeches
    self.downloaded = downloaded
    self.downloaders = downloaders
  }
}

/// A question for the counts of some swarms (BEP 48).
public struct ScrapeRequest: Sendable, Equatable {
  /// The swarms asked for, as often as they are named.
  public var infoHashes: [InfoHash]

  /// Asks for `infoHashes`.
  public init(infoHashes: [InfoHash]) { self.infoHashes = infoHashes }

  /// Reads a raw query. None at all is a question for everything, which the tracker may refuse.
  public init(query bytes: [UInt8]) throws(RequestFault) { try self.init(bytes.rawBytes) }

  /// Reads a raw query. One allocation.
  public init(_ bytes: RawSpan) throws(RequestFault) {
    infoHashes = []
    var offset = 0
    while let parameter = QueryBytes.next(bytes, &offset) {
      guard QueryBytes.matches(bytes, parameter.key, "info_hash") else { continue }
      guard let hash = QueryBytes.twentyBytes(bytes, parameter.value) else { throw .malformed("info_hash") }
      unsafe infoHashes.append(InfoHash(hash.span.bytes, at: 0))
    }
  }

  /// The URL to get, made from the announce URL as BEP 48 says; `nil` if the last component of its
  /// path does not begin with `announce`.
  public func url(announce: String) -> String? {
    let end = announce.firstIndex { $0 == "?" || $0 == "#" } ?? announce.endIndex
    guard let slash = announce[..<end].lastIndex(of: "/") else { return nil }
    let component = announce[announce.index(after: slash)..<end]
    guard component.hasPrefix("announce") else { return nil }
    let scrape = "\(announce[...slash])scrape\(component.dropFirst(8))\(announce[end...])"
    let query = infoHashes.map { "info_hash=\(QueryString.encoded($0.bytes))" }.joined(separator: "&")
    return query.isEmpty ? scrape : QueryString.append(query, to: scrape)
  }
}

/// A tracker's answer to a scrape (BEP 48).
public struct ScrapeReply: Sendable, Equatable {
  /// The counts by swarm; those that the tracker does not know are not there.
  public var swarms: [InfoHash: SwarmCounts]

  /// A reply with these counts.
  public init(swarms: [InfoHash: SwarmCounts]) { self.swarms = swarms }

  /// Reads a tracker's answer; entries with a key that is no info-hash are left out.
  public init(_ bytes: [UInt8]) throws(TrackerFault) {
    let root = try TrackerFault.dictionary(bytes)
    guard let files = root["files"]?.members else { throw .malformed("it has no files") }
    swarms = [:]
    for (key, value) in files {
      guard let hash = key.string.flatMap({ InfoHash($0) }) else { continue }
      func count(_ name: String) -> Int? { (value[name]?.integer).map { Int(clamping: max(0, $0)) } }
      swarms[hash] = SwarmCounts(
        seeds: count("complete") ?? 0, leeches: count("incomplete") ?? 0,
        downloaded: count("downloaded") ?? 0, downloaders: count("downloaders"))
    }
  }

  /// The bencoded reply.
  public func encoded() -> [UInt8] {
    var files: [[UInt8]: Bencode] = [:]
    for (hash, counts) in swarms {
      var entry: Bencode = [
        "complete": .integer(Int64(counts.seeds)), "downloaded": .integer(Int64(counts.downloaded)),
        "incomplete": .integer(Int64(counts.leeches)),
      ]
      entry["downloaders"] = counts.downloaders.map { .integer(Int64($0)) }
      files[hash.bytes] = entry
    }
    return Bencode.dictionary([[UInt8]("files".utf8): .dictionary(files)]).encoded()
  }
}
