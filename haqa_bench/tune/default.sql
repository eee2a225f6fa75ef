SELECT status, reason FROM trials WHERE number = 0
