// Points on a plane or in space. Drag moves (in space: turns), the wheel zooms, a click picks; with the lasso or the box a
// shape is drawn around points. With the keyboard the arrows move, + and - zoom, 0 shows everything.
// Moving and zooming stay here: no event leaves until something is pointed at, picked or drawn around.
import * as React from "react";
import { Box, ButtonBase, useTheme } from "@mui/material";
import { START, distanceOf, dragged, matrixOf, place, planeAt, turned, zoomed, type Camera, type Matrix } from "./camera";
import { Drawer, type Points } from "./points";

export type Tool = "move" | "lasso" | "box";
export type Corner = [number, number];

interface ScatterProps {
  dims: 2 | 3;
  points: Points;
  /** Tiles with points that are not drawn. */
  shade: Points | null;
  tool: Tool;
  label: string;
  height: string | number;
  /** Where the browser keeps the camera; it comes back with the page. */
  remember: string;
  /** A shape that stays drawn on a plane, in shares of the map's side. */
  outline: Corner[] | null;
  /** Points with a ring around them. */
  ringed: number[];
  onPoint: (index: number | null, x: number, y: number) => void;
  onPick: (index: number | null) => void;
  /** Corners in shares of the map's side; in space on the screen, in [-1, 1], with the camera's matrix. */
  onShape: (corners: Corner[], matrix: Matrix | null) => void;
  children?: React.ReactNode;
}

const REACH = 9; // pixels from the pointer within which a point counts as meant
const STILL = 4; // pixels that a click may slip
const MOST_CORNERS = 200;
const SHADE_SIDES = { 2: 64, 3: 16 };

export function Scatter(props: ScatterProps) {
  const { dims, points, shade, tool, outline, ringed, remember } = props;
  const n = points.places.length / 3;
  const theme = useTheme();
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const drawer = React.useRef<Drawer | null>(null);
  const [epoch, setEpoch] = React.useState(0); // grows when the canvas has to be set up again
  const [broken, setBroken] = React.useState(false);
  const [size, setSize] = React.useState({ width: 0, height: 0 });
  const [camera, setCamera] = React.useState<Camera>(() => recalled(remember));
  const [path, setPath] = React.useState<Corner[]>([]);
  const press = React.useRef<{ x: number; y: number; at: Corner; how: "move" | "shift" | Tool; moved: boolean } | null>(null);
  const { width, height } = size;
  const reach = React.useMemo(() => reachOf(points.places, dims), [points.places, dims]);
  const matrix = React.useMemo(() => matrixOf(camera, dims, reach, Math.max(1, width), Math.max(1, height)), [camera, dims, reach, width, height]);

  React.useEffect(() => setCamera(recalled(remember)), [remember]);
  React.useEffect(() => {
    const timer = setTimeout(() => keep(remember, camera), 300);
    return () => clearTimeout(timer);
  }, [camera]);

  React.useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const lost = (event: Event) => event.preventDefault();
    const back = () => setEpoch((one) => one + 1);
    element.addEventListener("webglcontextlost", lost);
    element.addEventListener("webglcontextrestored", back);
    try {
      drawer.current = new Drawer(element);
    } catch {
      setBroken(true);
    }
    return () => {
      element.removeEventListener("webglcontextlost", lost);
      element.removeEventListener("webglcontextrestored", back);
    };
  }, [epoch]);

  React.useLayoutEffect(() => {
    const element = canvas.current?.parentElement;
    if (!element) return undefined;
    const watch = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  React.useEffect(() => {
    drawer.current?.set("points", { places: points.places });
  }, [points.places, epoch]);
  React.useEffect(() => {
    drawer.current?.set("points", { colors: points.colors, sizes: points.sizes, lit: points.lit });
  }, [points.colors, points.sizes, points.lit, epoch]);
  React.useEffect(() => {
    if (shade) drawer.current?.set("shade", { ...shade });
  }, [shade, epoch]);

  const someLit = React.useMemo(() => points.lit.includes(0), [points.lit]);
  React.useEffect(() => {
    const element = canvas.current;
    if (!element || !drawer.current || !width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (element.width !== w) element.width = w;
    if (element.height !== h) element.height = h;
    const grown = Math.pow(camera.zoom, 0.35);
    const diameter = Math.min(18, Math.max(3, 6 * Math.pow(2000 / Math.max(500, n), 0.22)) * grown) * ratio;
    const tile = (1.7 * camera.zoom * ratio * Math.min(width, height) * 0.9) / SHADE_SIDES[dims];
    drawer.current.draw({ matrix, dims, diameter, depth: distanceOf(camera, reach), someLit, tile }, shade !== null);
  }, [matrix, width, height, points, shade, someLit, epoch, dims]);

  const where = (event: React.MouseEvent): Corner => {
    const box = canvas.current!.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  /** The point under a pixel: the nearest on a plane, in space the one in front. */
  const pointAt = (px: number, py: number): number | null => {
    let best: number | null = null;
    let bestScore = Infinity;
    for (let i = 0; i < n; i++) {
      const at = place(matrix, points.places[3 * i], points.places[3 * i + 1], points.places[3 * i + 2], width, height);
      if (!at) continue;
      const off = (at[0] - px) ** 2 + (at[1] - py) ** 2;
      if (off > REACH * REACH) continue;
      // what is dimmed gives way to what stands out
      const score = (dims === 3 ? at[2] + off / 400 : off) + (points.lit[i] ? 0 : 1e4);
      if (score < bestScore) [best, bestScore] = [i, score];
    }
    return best;
  };

  // React's own wheel listener is passive, so the page would scroll along
  const wheel = React.useRef<(event: WheelEvent) => void>(() => undefined);
  wheel.current = (event) => {
    event.preventDefault();
    const box = canvas.current!.getBoundingClientRect();
    const factor = Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) * 0.004);
    setCamera(zoomed(camera, dims, factor, event.clientX - box.left, event.clientY - box.top, width, height));
    props.onPoint(null, 0, 0);
  };
  React.useEffect(() => {
    const element = canvas.current;
    const listen = (event: WheelEvent) => wheel.current(event);
    element?.addEventListener("wheel", listen, { passive: false });
    return () => element?.removeEventListener("wheel", listen);
  }, []);

  const onPointerDown = (event: React.PointerEvent) => {
    if (event.button > 2) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const [x, y] = where(event);
    const how = event.button !== 0 ? "shift" : tool === "move" && event.shiftKey ? "lasso" : tool;
    press.current = { x, y, at: [x, y], how, moved: false };
    props.onPoint(null, 0, 0);
  };
  const onPointerMove = (event: React.PointerEvent) => {
    const [x, y] = where(event);
    const pressed = press.current;
    if (!pressed) {
      props.onPoint(pointAt(x, y), x, y);
      return;
    }
    pressed.moved ||= Math.hypot(x - pressed.x, y - pressed.y) > STILL;
    if (!pressed.moved) return;
    const [dx, dy] = [x - pressed.at[0], y - pressed.at[1]];
    pressed.at = [x, y];
    if (pressed.how === "move" && dims === 3) setCamera((one) => turned(one, dx, dy));
    else if (pressed.how === "move" || pressed.how === "shift") setCamera((one) => dragged(one, dims, reach, dx, dy, width, height));
    else if (pressed.how === "box") setPath(corners(pressed.x, pressed.y, x, y));
    else setPath((one) => (one.length ? extended(one, [x, y]) : [[pressed.x, pressed.y], [x, y]]));
  };
  const onPointerUp = (event: React.PointerEvent) => {
    const pressed = press.current;
    press.current = null;
    setPath([]);
    if (!pressed) return;
    const [x, y] = where(event);
    if (!pressed.moved) {
      if (event.button === 0) props.onPick(pointAt(x, y));
      return;
    }
    if (pressed.how === "move" || pressed.how === "shift") return;
    const drawn = thinned(pressed.how === "box" ? corners(pressed.x, pressed.y, x, y) : path);
    if (drawn.length < 3) return;
    if (dims === 2) props.onShape(drawn.map(([px, py]) => planeAt(camera, px, py, width, height)), null);
    else props.onShape(drawn.map(([px, py]) => [(2 * px) / width - 1, 1 - (2 * py) / height]), matrix);
  };
  const cancel = () => {
    press.current = null;
    setPath([]);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const steps: Record<string, Corner> = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (event.key in steps) {
      const [dx, dy] = steps[event.key];
      setCamera((one) => (dims === 3 ? turned(one, -dx, -dy) : dragged(one, dims, reach, dx, dy, width, height)));
    } else if (event.key === "+" || event.key === "=") step(1.4);
    else if (event.key === "-") step(1 / 1.4);
    else if (event.key === "0") setCamera(START);
    else if (event.key === "Escape") cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const step = (factor: number) => setCamera((one) => zoomed(one, dims, factor, width / 2, height / 2, width, height));

  const onScreen = (x: number, y: number, z: number): Corner => {
    const at = place(matrix, x, y, z, width, height);
    return at ? [at[0], at[1]] : [-100, -100];
  };
  const shape = path.length ? path : dims === 2 && outline ? outline.map(([x, y]) => onScreen(x, y, 0)) : [];
  const ink = theme.palette.text.primary;

  return (
    <Box sx={{ position: "relative", height: props.height, minWidth: 0, overflow: "hidden", border: 1, borderColor: "divider", borderRadius: 1, bgcolor: "action.hover" }}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-label={props.label}
        data-points={n}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={cancel}
        onPointerLeave={() => props.onPoint(null, 0, 0)}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={onKeyDown}
        style={{ position: "absolute", inset: 0, width: "100%", height: "100%", cursor: tool === "move" ? "grab" : "crosshair", touchAction: "none", outlineOffset: -2 }}
      />
      <svg width={width} height={height} style={{ position: "absolute", inset: 0, pointerEvents: "none" }}>
        {shape.length > 1 && (
          <polygon
            points={shape.map((corner) => corner.join(",")).join(" ")}
            fill={theme.palette.primary.main}
            fillOpacity={path.length ? 0.15 : 0.06}
            stroke={theme.palette.primary.main}
            strokeWidth={1.5}
            strokeDasharray={path.length ? "4 3" : undefined}
          />
        )}
        {ringed
          .filter((index) => index < n)
          .map((index) => {
            const [cx, cy] = onScreen(points.places[3 * index], points.places[3 * index + 1], points.places[3 * index + 2]);
            return <circle key={index} cx={cx} cy={cy} r={8} fill="none" stroke={ink} strokeWidth={2} />;
          })}
      </svg>
      <Box sx={{ position: "absolute", right: 8, top: 8, display: "grid", gap: 0.5 }}>
        {([["+", "Nearer", () => step(1.5)], ["−", "Farther", () => step(1 / 1.5)], ["⤢", "Show all of the map", () => setCamera(START)]] as const).map(([sign, title, act]) => (
          <ButtonBase key={title} title={title} aria-label={title} onClick={act} sx={{ width: 26, height: 26, borderRadius: 1, bgcolor: "background.paper", border: 1, borderColor: "divider", color: "text.primary", fontSize: 16, "&:hover": { borderColor: "primary.main" } }}>
            {sign}
          </ButtonBase>
        ))}
      </Box>
      {broken && (
        <Box sx={{ position: "absolute", inset: 0, display: "grid", placeItems: "center", p: 2, textAlign: "center", color: "text.secondary" }}>
          This browser cannot draw the map, because its WebGL is switched off.
        </Box>
      )}
      {props.children}
    </Box>
  );
}

/** How far points lie from the middle of the cube. */
function reachOf(places: Float32Array, dims: number): number {
  let most = 0.04;
  for (let i = 0; i < places.length && dims === 3; i += 3) {
    most = Math.max(most, (places[i] - 0.5) ** 2 + (places[i + 1] - 0.5) ** 2 + (places[i + 2] - 0.5) ** 2);
  }
  return Math.sqrt(most);
}

const corners = (x0: number, y0: number, x1: number, y1: number): Corner[] => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];

function extended(path: Corner[], next: Corner): Corner[] {
  const [x, y] = path[path.length - 1];
  return Math.hypot(next[0] - x, next[1] - y) < 3 ? path : [...path, next];
}

function thinned(path: Corner[]): Corner[] {
  const every = Math.ceil(path.length / MOST_CORNERS);
  return path.filter((_, index) => index % every === 0);
}

function recalled(key: string): Camera {
  try {
    return { ...START, ...JSON.parse(sessionStorage.getItem(key) ?? "{}") };
  } catch {
    return START; // a browser that keeps nothing
  }
}

function keep(key: string, camera: Camera): void {
  try {
    sessionStorage.setItem(key, JSON.stringify(camera));
  } catch {
    // it then starts with the whole map
  }
}
