import EventLoop

// Priorities, deadlines and reads, whether the torrent is awake or not. What rests is complete: nothing of it
// has to be fetched, but to read from it, it is woken.
extension TorrentSeat {
  /// How much each file is wanted; empty if that is not known here.
  var priorities: [FilePriority] { torrent?.filePriorities ?? source.options.priorities ?? [] }

  func set(_ priorities: [Int: FilePriority], on loop: isolated Loop) {
    if let torrent {
      torrent.set(priorities, on: loop)
    } else if phase != .ended {
      makePast().priorityChanges.merge(priorities) { $1 }
    }
  }

  func set(isSequential: Bool) {
    if let torrent {
      torrent.set(isSequential: isSequential)
    } else if phase != .ended {
      makePast().isSequential = isSequential
    }
  }

  func set(deadline: Double?, of pieces: Range<Int>, on loop: isolated Loop) {
    torrent?.set(deadline: deadline, of: pieces, on: loop)
  }

  func read(_ read: FileRead, on loop: isolated Loop) {
    if let torrent {
      torrent.read(read, on: loop)
    } else if phase == .failed || phase == .stopping || phase == .ended {
      read.end(.failure(.stopped(reason: past?.fault ?? "it was removed")))
    } else {
      makePast().reads.append(read)
      wake(on: loop)
    }
  }

  /// Hands what came while the torrent was not there to it.
  func catchUp(_ past: TorrentPast, _ torrent: Torrent, on loop: isolated Loop) {
    if let isSequential = past.isSequential { torrent.set(isSequential: isSequential) }
    if !past.priorityChanges.isEmpty { torrent.set(past.priorityChanges, on: loop) }
    for read in past.reads { torrent.read(read, on: loop) }
  }
}
