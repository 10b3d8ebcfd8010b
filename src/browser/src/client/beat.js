// A worker that calls every so many milliseconds: pages in the background are called back once a
// second and later once a minute, and a player who says nothing for five seconds is lost.
let timer = 0;
self.onmessage = (event) => {
  clearInterval(timer);
  timer = setInterval(() => self.postMessage(0), event.data);
};
