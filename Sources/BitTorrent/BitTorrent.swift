// BitTorrent
