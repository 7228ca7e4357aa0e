import Digest
import EventLoop
import Metainfo

/// How the torrents of some seats are added, and how each can be read again. Shared by the seats of a batch.
final class SeatSource: Sendable {
  let options: AddOptions
  /// Reads the torrent with a number; `nil` if it was given once and for all.
  let read: (@Sendable (Int) throws -> Metainfo)?

  init(_ options: AddOptions, read: (@Sendable (Int) throws -> Metainfo)? = nil) {
    self.options = options
    self.read = read
  }
}

/// What a seat knows of its torrent while that is not in memory.
struct TorrentOutline: Sendable {
  var name: String
  var infoHash: InfoHash
  /// The truncated v2 hash of a hybrid.
  var secondHash: InfoHash?
  /// Not to be found but through its trackers (BEP 27).
  var isPrivate = false
  var pieces: Int32
  var piecesHave: Int32 = 0
  var wantedBytes: Int64
  var doneBytes: Int64 = 0

  init(_ info: Info) {
    name = info.name
    infoHash = info.infoHash
    secondHash = info.infoHashes.dropFirst().first
    isPrivate = info.isPrivate
    pieces = Int32(info.pieceCount)
    wantedBytes = info.contentLength
  }

  /// Everything is here.
  mutating func isComplete() {
    piecesHave = pieces
    doneBytes = wantedBytes
  }

  var infoHashes: [InfoHash] { [infoHash] + [secondHash].compactMap(\.self) }
}

/// What a torrent has done and learnt and nobody else could tell it again: kept while it rests. Most idle
/// torrents have none.
final class TorrentPast {
  var counters = TorrentCounters()
  var traffic = TrafficLog()
  var book: PeerBook
  var trackerMessage: String?
  /// Its own limits, if they are not those that it was added with.
  var limits: RateLimits?
  /// How much its files are wanted, if that is not as it was added; and what was changed while it was away.
  var priorities: [FilePriority]?
  var priorityChanges: [Int: FilePriority] = [:]
  var isSequential: Bool?
  /// Calls that wait until it is there.
  var reads: [FileRead] = []
  var bestUpRate = 0.0
  var announcers: [Announcer] = []
  /// Ends the wait for trackers that do not hear the goodbye.
  var stopTimer: LoopTimer?
  /// Why it could not be read again.
  var fault: String?

  init(book: PeerBook) { self.book = book }
}
